import {
  buildResources,
  type BuildResources,
  cpuMillis,
  cpuQuantity,
  type Grammar,
  memoryBytes,
  memoryQuantity,
  type ResourceFigures,
  storageQuantity,
} from '@image-factory/domain';
import type { Project, Tenant } from '@image-factory/persistence';
import type { RequirementsRequest } from './requirements.request.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

type ResourceField = 'cpu' | 'memory' | 'ephemeral_storage' | 'workspace_size';
type AskedResources = Readonly<Partial<Record<ResourceField, unknown>>>;

/** What a build asks for beyond its tenant's caps, and what its tenant may not ask for. */
export function requirementsIssues(asked: RequirementsRequest | undefined, tenant: Tenant): SubmissionIssue[] {
  if (typeof asked !== 'object' || asked === null) return [];
  const limits = capTexts(tenant);
  const figures = figuresOf(asked);
  const caps = figuresOf(limits);
  const beyond = RESOURCE_FIELDS.filter(([field, figure]) => {
    const [most, wanted] = [caps[figure], figures[figure]];
    return limits[field] !== undefined && most !== undefined && wanted !== undefined && wanted > most;
  });
  return [
    ...forbiddenCapabilities(asked, tenant),
    ...beyond.map(([field]) => {
      const message = `must be at most ${limits[field]}, the tenant's max_${field}`;
      return submissionIssue(`requirements.${field}`, 'ValidationFailed', message);
    }),
  ];
}

/** A tenant for which no capabilities are named may ask for any. */
function forbiddenCapabilities(asked: RequirementsRequest, tenant: Tenant): SubmissionIssue[] {
  if (tenant.capabilities.length === 0) return [];
  const allowed = tenant.capabilities.join(', ');
  const message = (word: string): string => `asks for ${word}, and this tenant may ask for: ${allowed}`;
  const wanted: readonly unknown[] = Array.isArray(asked.capabilities) ? asked.capabilities : [];
  const words = wanted.map((word, index) => [`requirements.capabilities[${index}]`, word] as const);
  const gpu = asked.gpu === true ? [['requirements.gpu', 'gpu'] as const] : [];
  return [...words, ...gpu].flatMap(([path, word]) =>
    typeof word !== 'string' || tenant.capabilities.includes(word)
      ? []
      : [submissionIssue(path, 'CapabilityNotAllowedForTenant', message(word))],
  );
}

const RESOURCE_FIELDS: readonly (readonly [ResourceField, keyof ResourceFigures])[] = [
  ['cpu', 'cpuMillis'],
  ['memory', 'memoryBytes'],
  ['ephemeral_storage', 'ephemeralStorageBytes'],
  ['workspace_size', 'workspaceBytes'],
];

type Learned = Pick<Project, 'learnedMemoryBytes' | 'learnedEphemeralStorageBytes' | 'learnedWorkspaceBytes'>;

/**
 * The figures of a build whose requirements have no issue. Where one asks for nothing it requests what an earlier build of
 * its project succeeded with after it had run out of it, within the cap.
 */
export function resourcesOf(
  asked: RequirementsRequest | undefined,
  tenant: Tenant,
  project: Learned | undefined,
): BuildResources {
  return buildResources(figuresOf(asked ?? {}), figuresOf(capTexts(tenant)), {
    memoryBytes: project?.learnedMemoryBytes,
    ephemeralStorageBytes: project?.learnedEphemeralStorageBytes,
    workspaceBytes: project?.learnedWorkspaceBytes,
  });
}

function capTexts(tenant: Tenant): Readonly<Record<ResourceField, string | undefined>> {
  return {
    cpu: tenant.maxCpu,
    memory: tenant.maxMemory,
    ephemeral_storage: tenant.maxEphemeralStorage,
    workspace_size: tenant.maxWorkspaceSize,
  };
}

/** Texts that are no quantities, which their fields report, are as if they were not there. */
function figuresOf(asked: AskedResources): ResourceFigures {
  const figure = (text: unknown, grammar: Grammar, parse: (quantity: string) => number): number | undefined =>
    typeof text === 'string' && grammar(text) === undefined ? parse(text) : undefined;
  return {
    cpuMillis: figure(asked.cpu, cpuQuantity, cpuMillis),
    memoryBytes: figure(asked.memory, memoryQuantity, memoryBytes),
    ephemeralStorageBytes: figure(asked.ephemeral_storage, storageQuantity, memoryBytes),
    workspaceBytes: figure(asked.workspace_size, storageQuantity, memoryBytes),
  };
}
