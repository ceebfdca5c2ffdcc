CREATE FUNCTION tag_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of tags is append-only';
END
$$;
CREATE TRIGGER tag_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tag_history
    FOR EACH STATEMENT EXECUTE FUNCTION tag_history_is_append_only();
-- The order by bytes, under the name that SQLite has for it.
CREATE COLLATION "binary" FROM "C";
CREATE INDEX tags_by_bytes
    ON tags (repository, ecosystem, package, tag COLLATE "binary");
CREATE INDEX packages_by_bytes
    ON packages (repository, ecosystem, name COLLATE "binary");
