import type { DetectedCapabilities } from '@image-factory/domain';
import { orNull, Shown, ShownAs } from '../../http/response/shown.js';

const ORIGINS = ['declared', 'detected'];

export class CapabilityResponse {
  @Shown('text', { example: 'arm64' }) readonly name!: string;
  @Shown('texts', { description: `Of ${ORIGINS.join(' and ')}` }) readonly origins!: readonly string[];
}

export class LabelResponse {
  @Shown('text') readonly name!: string;
  @Shown('text') readonly value!: string;
  @Shown('text', { choices: ORIGINS }) readonly origin!: string;
}

export class StorageClassResponse {
  @Shown('text') readonly name!: string;
  @Shown('boolean') readonly is_default!: boolean;
}

/** What was found on a cluster; null for what was never seen. What could not be seen lately is as it was seen last. */
export class DetectedResponse {
  @Shown('texts', { nullable: true }) readonly architectures!: readonly string[] | null;
  @Shown('texts', { nullable: true }) readonly operating_systems!: readonly string[] | null;
  @Shown('object', { nullable: true, description: 'Count by resource, as in nvidia.com/gpu' })
  readonly gpus!: Readonly<Record<string, number>> | null;
  @Shown('object', { nullable: true, description: 'Most of one node: cpu_millis, memory_bytes' })
  readonly largest_node!: Readonly<Record<string, number>> | null;
  @ShownAs(() => StorageClassResponse, { list: true, nullable: true })
  readonly storage_classes!: readonly StorageClassResponse[] | null;
  @Shown('text', { nullable: true }) readonly kubernetes_version!: string | null;
  @Shown('text', { nullable: true }) readonly tekton_version!: string | null;
  @Shown('map', { nullable: true, description: 'Tekton’s feature flags' })
  readonly tekton_features!: Readonly<Record<string, string>> | null;
  @Shown('object', { description: 'Why a part could not be seen by the last look: its reason and message' })
  readonly undetected!: Readonly<Record<string, unknown>>;
  @Shown('map', { description: 'When each part was seen last' }) readonly seen_at!: Readonly<Record<string, string>>;
  @Shown('time', { description: 'Of the last look' }) readonly detected_at!: string;
}

export function toDetectedResponse(detected: DetectedCapabilities): DetectedResponse {
  const { largestNode } = detected;
  return {
    architectures: orNull(detected.architectures),
    operating_systems: orNull(detected.operatingSystems),
    gpus: orNull(detected.gpuKinds),
    largest_node:
      largestNode === undefined ? null : { cpu_millis: largestNode.cpuMillis, memory_bytes: largestNode.memoryBytes },
    storage_classes: detected.storageClasses?.map(({ name, isDefault }) => ({ name, is_default: isDefault })) ?? null,
    kubernetes_version: orNull(detected.kubernetesVersion),
    tekton_version: orNull(detected.tektonVersion),
    tekton_features: orNull(detected.tektonFeatures),
    undetected: byWireName(detected.undetected),
    seen_at: byWireName(detected.seenAt ?? {}),
    detected_at: detected.detectedAt,
  };
}

function byWireName<T>(parts: Readonly<Record<string, T>>): Record<string, T> {
  const named = ([part, value]: [string, T]): [string, T] => [
    part === 'tektonFeatures' ? 'tekton_features' : part,
    value,
  ];
  return Object.fromEntries(Object.entries(parts).map(named));
}
