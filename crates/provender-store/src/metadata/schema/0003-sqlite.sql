CREATE TRIGGER tag_history_is_not_updated BEFORE UPDATE ON tag_history
BEGIN
    SELECT RAISE(ABORT, 'the history of tags is append-only');
END;
CREATE TRIGGER tag_history_is_not_deleted BEFORE DELETE ON tag_history
BEGIN
    SELECT RAISE(ABORT, 'the history of tags is append-only');
END;
