CREATE TABLE totals (
    id BIGINT PRIMARY KEY NOT NULL,
    events BIGINT NOT NULL,
    packages BIGINT NOT NULL,
    files BIGINT NOT NULL,
    bytes BIGINT NOT NULL
);
INSERT INTO totals (id, events, packages, files, bytes) VALUES (1, 0, 0, 0, 0);

CREATE TABLE repositories (
    name TEXT PRIMARY KEY NOT NULL,
    visibility TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE owned_names (
    repository TEXT NOT NULL REFERENCES repositories (name),
    ecosystem TEXT NOT NULL,
    pattern TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (repository, ecosystem, pattern)
);

CREATE TABLE upstreams (
    repository TEXT NOT NULL REFERENCES repositories (name),
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (repository, ecosystem, name)
);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY NOT NULL,
    facts TEXT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE packages (
    repository TEXT NOT NULL REFERENCES repositories (name),
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    origin TEXT,
    generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (repository, ecosystem, name)
);

CREATE TABLE files (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    name TEXT NOT NULL,
    blob TEXT NOT NULL,
    state TEXT NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, name),
    FOREIGN KEY (repository, ecosystem, package) REFERENCES packages (repository, ecosystem, name)
);
CREATE INDEX files_by_blob ON files (blob);
CREATE INDEX files_not_present ON files (state) WHERE state <> 'present';

-- Kept companions of files that are not deleted. A file's own blob is in its row.
CREATE TABLE companion_blobs (
    blob TEXT NOT NULL,
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    file TEXT NOT NULL,
    PRIMARY KEY (blob, repository, ecosystem, package, file)
);

-- Facts and body apart, so that a revalidation does not rewrite megabytes.
CREATE TABLE listings (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    upstream TEXT NOT NULL,
    validators TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, upstream)
);
CREATE TABLE listing_bodies (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    upstream TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, upstream)
);

-- Severity: 0 for none, then 1 (low) to 3 (high).
CREATE TABLE events (
    number BIGINT PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    severity BIGINT NOT NULL,
    repository TEXT,
    ecosystem TEXT,
    package TEXT,
    file TEXT,
    facts TEXT NOT NULL
);
CREATE INDEX events_red_flags ON events (number) WHERE severity > 0;
CREATE INDEX events_by_package ON events (package, number) WHERE package IS NOT NULL;
