-- What a repository asks of what it holds, as JSON.
ALTER TABLE repositories ADD COLUMN policy TEXT NOT NULL DEFAULT '{}';

-- Where each tag points now. checked_at: when an upstream last said so.
CREATE TABLE tags (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    tag TEXT NOT NULL,
    file TEXT NOT NULL,
    moved_at BIGINT NOT NULL,
    checked_at BIGINT,
    PRIMARY KEY (repository, ecosystem, package, tag),
    FOREIGN KEY (repository, ecosystem, package, file)
        REFERENCES files (repository, ecosystem, package, name)
);
CREATE INDEX tags_by_file ON tags (repository, ecosystem, package, file);

-- Every move of a tag, numbered through per package. file: null where it was removed; the file's
-- own row may be gone by now.
CREATE TABLE tag_history (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    number BIGINT NOT NULL,
    tag TEXT NOT NULL,
    file TEXT,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, number),
    FOREIGN KEY (repository, ecosystem, package) REFERENCES packages (repository, ecosystem, name)
);
CREATE INDEX tag_history_by_tag ON tag_history (repository, ecosystem, package, tag, number);

-- Which files of its package a file names, as long as it is not deleted.
CREATE TABLE file_references (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    file TEXT NOT NULL,
    role TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, file, role, target),
    FOREIGN KEY (repository, ecosystem, package, file)
        REFERENCES files (repository, ecosystem, package, name)
);
CREATE INDEX file_references_by_target
    ON file_references (repository, ecosystem, package, target, role, file);

-- Files that somebody found to be referred to by nothing, and since when.
CREATE TABLE orphans (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    file TEXT NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, file),
    FOREIGN KEY (repository, ecosystem, package, file)
        REFERENCES files (repository, ecosystem, package, name)
);
CREATE INDEX orphans_by_time ON orphans (ecosystem, since);
