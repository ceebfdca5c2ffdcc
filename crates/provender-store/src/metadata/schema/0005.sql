-- Blobs so small that a file of their own costs more than they do.
CREATE TABLE small_blobs (
    blob TEXT PRIMARY KEY NOT NULL,
    size BIGINT NOT NULL,
    committed_at BIGINT NOT NULL
);
