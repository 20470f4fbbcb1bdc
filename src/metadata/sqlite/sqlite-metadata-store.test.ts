import { metadataStoreContract } from '../../../test/contract/metadata-store.ts';
import { SqliteMetadataStore } from './sqlite-metadata-store.ts';

metadataStoreContract('SqliteMetadataStore', (clock) => SqliteMetadataStore.inMemory({ clock }));
