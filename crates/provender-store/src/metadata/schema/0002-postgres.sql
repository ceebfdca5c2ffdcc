-- Appended entries whose tiles are not durable yet, from first_index to before end_index.
CREATE TABLE log_batches (
    origin TEXT NOT NULL REFERENCES log_states (origin),
    first_index BIGINT NOT NULL,
    end_index BIGINT NOT NULL,
    batch BYTEA NOT NULL,
    PRIMARY KEY (origin, first_index)
);
-- Signatures and digests do not shrink: trying to would cost more than writing them.
ALTER TABLE log_batches ALTER COLUMN batch SET STORAGE EXTERNAL;
