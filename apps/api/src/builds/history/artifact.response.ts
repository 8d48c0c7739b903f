import type { BuildArtifact } from '@image-factory/persistence';
import { orNull, Shown } from '../../http/response/shown.js';

export class ArtifactResponse {
  @Shown('id') readonly id!: string;
  @Shown('id') readonly execution_id!: string;
  @Shown('text') readonly name!: string;
  @Shown('text') readonly type!: string;
  @Shown('text') readonly uri!: string;
  @Shown('text', { nullable: true }) readonly digest!: string | null;
  @Shown('integer', { nullable: true, description: 'Bytes' }) readonly size!: number | null;
  @Shown('text', { nullable: true }) readonly platform!: string | null;
  @Shown('time') readonly created_at!: string;
}

export function toArtifactResponse(artifact: BuildArtifact): ArtifactResponse {
  return {
    id: artifact.id,
    execution_id: artifact.executionId,
    name: artifact.name,
    type: artifact.type,
    uri: artifact.uri,
    digest: orNull(artifact.digest),
    size: orNull(artifact.sizeBytes),
    platform: orNull(artifact.platform),
    created_at: artifact.createdAt.toISOString(),
  };
}
