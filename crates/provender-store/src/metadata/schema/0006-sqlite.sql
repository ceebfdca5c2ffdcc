-- These rows are little more than their keys, which were kept twice: in the table and in the index
-- of its key. Without row numbers the table is that index.
CREATE TABLE file_references_by_key (
    repository TEXT NOT NULL,
    ecosystem TEXT NOT NULL,
    package TEXT NOT NULL,
    file TEXT NOT NULL,
    role TEXT NOT NULL,
    target TEXT NOT NULL,
    PRIMARY KEY (repository, ecosystem, package, file, role, target),
    FOREIGN KEY (repository, ecosystem, package, file)
        REFERENCES files (repository, ecosystem, package, name)
) WITHOUT ROWID;
INSERT INTO file_references_by_key (repository, ecosystem, package, file, role, target)
    SELECT repository, ecosystem, package, file, role, target FROM file_references;
DROP TABLE file_references;
ALTER TABLE file_references_by_key RENAME TO file_references;
CREATE INDEX file_references_by_target
    ON file_references (repository, ecosystem, package, target, role, file);

CREATE TABLE tags_by_key (
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
) WITHOUT ROWID;
INSERT INTO tags_by_key (repository, ecosystem, package, tag, file, moved_at, checked_at)
    SELECT repository, ecosystem, package, tag, file, moved_at, checked_at FROM tags;
DROP TABLE tags;
ALTER TABLE tags_by_key RENAME TO tags;
CREATE INDEX tags_by_file ON tags (repository, ecosystem, package, file);
