-- Whether the bytes are packed; the size is that of what they stand for.
ALTER TABLE small_blobs ADD COLUMN is_packed BIGINT NOT NULL DEFAULT 0;
-- The small blob that is the bundle, where clients find it by its digest: it is not kept twice.
-- The text is empty then and nothing is packed.
ALTER TABLE attestations ADD COLUMN bundle_blob TEXT;
CREATE INDEX attestations_by_bundle ON attestations (bundle_blob) WHERE bundle_blob IS NOT NULL;
