export { ImageRegistryClient } from './client/image-registry-client.js';
export type { ImageRegistryClientOptions, Promotion, RegistryAccess } from './client/image-registry-client.js';
export { digestOf, MANIFEST_MEDIA_TYPES } from './client/manifest.js';
export type { Manifest } from './client/manifest.js';
export { findCredential } from './auth/docker-config.js';
export type { RegistryCredential } from './auth/docker-config.js';
export { canonicalRegistryHost, parseRepository } from './reference/repository-reference.js';
export type { RepositoryReference } from './reference/repository-reference.js';
