import type { CatalogImage } from '../../../src/catalog/catalog.ts';

/** An image of a hub, and how to know it again when the library moves on. */
export interface HubImage extends CatalogImage {
  /** The same as long as it is built the same, whatever its tags; without one only the same object is the same image. */
  readonly buildKey?: string | undefined;
}
