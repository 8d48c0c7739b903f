import type { Credential } from '@image-factory/persistence';
import { Shown } from '../http/response/shown.js';

/** A credential without its values: they are write-only. */
export class CredentialResponse {
  @Shown('id') readonly id!: string;
  @Shown('text') readonly name!: string;
  @Shown('text') readonly type!: string;
  @Shown('text', { description: 'Tells two values apart without telling either' }) readonly fingerprint!: string;
  @Shown('time') readonly created_at!: string;
}

export function toCredentialResponse(credential: Credential): CredentialResponse {
  return {
    id: credential.id,
    name: credential.name,
    type: credential.type,
    fingerprint: credential.fingerprint,
    created_at: credential.createdAt.toISOString(),
  };
}
