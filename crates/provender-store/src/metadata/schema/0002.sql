-- One row per log: what appending needs, compared and swapped. Hashes in hexadecimal, the
-- frontier's behind each other.
CREATE TABLE log_states (
    origin TEXT PRIMARY KEY NOT NULL,
    size BIGINT NOT NULL,
    root TEXT NOT NULL,
    frontier TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    published_size BIGINT,
    published_checkpoint TEXT
);

-- A statement about a file or about bytes, with its proof. The id is made from all that says what
-- it is, so that recording it twice keeps it once.
CREATE TABLE attestations (
    id TEXT PRIMARY KEY NOT NULL,
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
CREATE INDEX attestations_by_blob ON attestations (blob);
CREATE INDEX attestations_by_file ON attestations (repository, ecosystem, package, file, source);

-- What is still to be signed.
CREATE TABLE signing_tasks (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    file TEXT NOT NULL,
    kind TEXT NOT NULL,
    tries BIGINT NOT NULL,
    next_try_at BIGINT NOT NULL,
    last_error TEXT,
    PRIMARY KEY (repository, ecosystem, package, file, kind),
    FOREIGN KEY (repository, ecosystem, package, file)
        REFERENCES files (repository, ecosystem, package, name)
);
CREATE INDEX signing_tasks_by_time ON signing_tasks (next_try_at);

CREATE TABLE accounts (
    name TEXT PRIMARY KEY NOT NULL,
    email TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    disabled_at BIGINT
);

-- Whose identity tokens are taken, and for what.
CREATE TABLE trusted_issuers (
    url TEXT PRIMARY KEY NOT NULL,
    definition TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
