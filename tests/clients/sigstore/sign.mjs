// Signs with sigstore-js's library as a signing config tells it to:
//   sign.mjs SIGNING_CONFIG TOKEN_FILE message|statement INPUT BUNDLE
import { readFileSync, writeFileSync } from "node:fs";
import { bundleToJSON } from "@sigstore/bundle";
import { SigningConfig } from "@sigstore/protobuf-specs";
import { bundleBuilderFromSigningConfig } from "@sigstore/sign";

const [configFile, tokenFile, kind, input, output] = process.argv.slice(2);
const token = readFileSync(tokenFile, "utf8").trim();
const attests = kind === "statement";
const builder = bundleBuilderFromSigningConfig({
  signingConfig: SigningConfig.fromJSON(JSON.parse(readFileSync(configFile, "utf8"))),
  identityProvider: { getToken: async () => token },
  bundleType: attests ? "dsseEnvelope" : "messageSignature",
});
const bundle = await builder.create({
  data: readFileSync(input),
  ...(attests && { type: "application/vnd.in-toto+json" }),
});
writeFileSync(output, JSON.stringify(bundleToJSON(bundle)));
