/** The media types of both families, Docker's and OCI's: image-spec media-types.md, docker manifest v2 schema 2. */
export const MEDIA_TYPES = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociImage: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerImage: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  inToto: 'application/vnd.in-toto+json',
} as const;

/**
 * What we ask for, always in full: a HEAD that names fewer types than the GET can be answered with another digest.
 */
export const MANIFEST_ACCEPT = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.dockerIndex,
  MEDIA_TYPES.ociImage,
  MEDIA_TYPES.dockerImage,
].join(', ');

export function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPES.ociIndex || mediaType === MEDIA_TYPES.dockerIndex;
}

export function isManifestType(mediaType: string): boolean {
  return isIndexType(mediaType) || mediaType === MEDIA_TYPES.ociImage || mediaType === MEDIA_TYPES.dockerImage;
}

/** Layers that live at their `urls` and need not be in a registry; we never fetch or push them. */
export function isForeignLayerType(mediaType: string): boolean {
  return mediaType.includes('.rootfs.foreign.') || mediaType.includes('.layer.nondistributable.');
}

/** Without parameters: `application/json; charset=utf-8` is `application/json`. */
export function withoutParameters(contentType: string): string {
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
