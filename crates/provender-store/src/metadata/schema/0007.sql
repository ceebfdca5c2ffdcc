-- What is done once for all, and when it was.
CREATE TABLE milestones (
    name TEXT PRIMARY KEY NOT NULL,
    reached_at BIGINT NOT NULL
);
-- Whoever was here before has looked for upstreams, or did not want to.
INSERT INTO milestones (name, reached_at)
    SELECT 'upstreams-discovered', created_at FROM repositories WHERE name = 'main';
