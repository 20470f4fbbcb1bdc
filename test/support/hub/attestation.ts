// What BuildKit attaches to an image: an SBOM and a provenance, each an in-toto statement about the image's digest.
import type { Digest } from '../../../src/oci/digest.ts';

export interface Statement {
  readonly predicateType: string;
  readonly bytes: Uint8Array;
}

export function attest(subject: Digest, purl: string, createdAt: string): Statement[] {
  return [
    statement('https://spdx.dev/Document', subject, purl, {
      spdxVersion: 'SPDX-2.3',
      SPDXID: 'SPDXRef-DOCUMENT',
      name: 'sbom',
      documentNamespace: `https://example.org/sbom/${subject.slice(7, 23)}`,
      creationInfo: { creators: ['Tool: buildkit'], created: createdAt },
      packages: [{ SPDXID: 'SPDXRef-Package-filler', name: 'filler', versionInfo: '1.0', downloadLocation: 'NONE' }],
    }),
    statement('https://slsa.dev/provenance/v0.2', subject, purl, {
      builder: { id: '' },
      buildType: 'https://mobyproject.org/buildkit@v1',
      invocation: { configSource: { entryPoint: 'Dockerfile' }, parameters: { frontend: 'gateway.v0' } },
      metadata: { buildFinishedOn: createdAt, reproducible: false },
    }),
  ];
}

function statement(predicateType: string, subject: Digest, purl: string, predicate: object): Statement {
  const bytes = Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v0.1',
      predicateType,
      subject: [{ name: purl, digest: { sha256: subject.slice('sha256:'.length) } }],
      predicate,
    }),
  );
  return { predicateType, bytes };
}
