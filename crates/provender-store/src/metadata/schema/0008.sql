-- Who had signed in when a password was changed, or an account disabled, is signed in no more.
ALTER TABLE accounts ADD COLUMN sign_ins_since BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET sign_ins_since = created_at;
