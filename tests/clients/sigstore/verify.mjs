// Verifies with sigstore-js's library and a trusted root from a file:
//   verify.mjs TRUSTED_ROOT BUNDLE FILE IDENTITY ISSUER
import { readFileSync } from "node:fs";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

const [rootFile, bundleFile, file, identity, issuer] = process.argv.slice(2);
const read = (name) => JSON.parse(readFileSync(name, "utf8"));
const verifier = new Verifier(toTrustMaterial(TrustedRoot.fromJSON(read(rootFile))));
const entity = toSignedEntity(bundleFromJSON(read(bundleFile)), readFileSync(file));
verifier.verify(entity, { subjectAlternativeName: identity, extensions: { issuer } });
console.log("verified");
