-- An attestation about a file is found by the file, and kept once by the same index; one about
-- bytes alone is found by those. The id and the bytes had indexes of their own, in which each
-- publication fell on a page of its own, and wrote it.
CREATE TABLE attestations_by_one_index (
    id TEXT NOT NULL,
    blob TEXT NOT NULL,
    repository TEXT,
    ecosystem TEXT,
    package TEXT,
    file TEXT,
    source TEXT NOT NULL,
    predicate_type TEXT NOT NULL,
    bundle TEXT NOT NULL,
    log_index BIGINT,
    recorded_at BIGINT NOT NULL,
    FOREIGN KEY (repository, ecosystem, package, file)
        REFERENCES files (repository, ecosystem, package, name)
);
INSERT INTO attestations_by_one_index (id, blob, repository, ecosystem, package, file, source,
    predicate_type, bundle, log_index, recorded_at)
    SELECT id, blob, repository, ecosystem, package, file, source,
    predicate_type, bundle, log_index, recorded_at FROM attestations;
DROP TABLE attestations;
ALTER TABLE attestations_by_one_index RENAME TO attestations;
CREATE UNIQUE INDEX attestations_of_files
    ON attestations (repository, ecosystem, package, file, source, id) WHERE file IS NOT NULL;
CREATE UNIQUE INDEX attestations_of_blobs ON attestations (blob, id) WHERE file IS NULL;
