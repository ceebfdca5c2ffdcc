-- The bundle, deflated; the text is empty then. Null: it was recorded before, as text.
ALTER TABLE attestations ADD COLUMN packed BLOB;
