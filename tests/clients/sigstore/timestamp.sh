# Timestamps (RFC 3161): asked for and checked by openssl alone.

timestamp_query() {
  echo hello >file
  openssl ts -query -data file -sha256 -cert -out query.tsq &&
    curl -fsS --noproxy '*' -H 'Content-Type: application/timestamp-query' \
      --data-binary @query.tsq -D head "$URL/-/tsa/api/v1/timestamp" -o reply.tsr &&
    grep -qi '^content-type: application/timestamp-reply' head &&
    curl -fsS --noproxy '*' "$URL/-/tsa/api/v1/timestamp/certchain" -o chain.pem
}

timestamp_verified() {
  timestamp_query &&
    openssl ts -reply -in reply.tsr -text &&
    openssl ts -verify -in reply.tsr -queryfile query.tsq -CAfile chain.pem -untrusted chain.pem &&
    openssl ts -verify -in reply.tsr -data file -CAfile chain.pem -untrusted chain.pem
}

timestamp_of_another() {
  timestamp_query || return 1
  echo other >other
  refuses openssl ts -verify -in reply.tsr -data other -CAfile chain.pem -untrusted chain.pem
}

# Other digests, and a request that does not ask for the certificate.
timestamp_digests() {
  local digest
  curl -fsS --noproxy '*' "$URL/-/tsa/api/v1/timestamp/certchain" -o chain.pem || return 1
  echo hello >file
  for digest in sha256 sha384 sha512; do
    openssl ts -query -data file "-$digest" -out query.tsq &&
      curl -fsS --noproxy '*' -H 'Content-Type: application/timestamp-query' \
        --data-binary @query.tsq "$URL/-/tsa/api/v1/timestamp" -o reply.tsr &&
      openssl ts -verify -in reply.tsr -queryfile query.tsq -CAfile chain.pem \
        -untrusted chain.pem || return 1
  done
}

timestamp_cases() {
  it "openssl verifies a timestamp" timestamp_verified
  it "openssl refuses the timestamp of another file" timestamp_of_another
  it "openssl verifies timestamps over longer digests" timestamp_digests
}
