import {
  buildResources,
  type BuildResources,
  cpuMillis,
  cpuQuantity,
  memoryBytes,
  memoryQuantity,
  type ResourceFigures,
} from '@image-factory/domain';
import type { Project, Tenant } from '@image-factory/persistence';
import type { RequirementsRequest } from './requirements.request.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

/** What a build asks for beyond its tenant's caps, and what its tenant may not ask for. */
export function requirementsIssues(asked: RequirementsRequest | undefined, tenant: Tenant): SubmissionIssue[] {
  if (typeof asked !== 'object' || asked === null) return [];
  const figures = figuresOf(asked.cpu, asked.memory);
  const caps = figuresOf(tenant.maxCpu, tenant.maxMemory);
  const beyond = [
    ['cpu', figures.cpuMillis, caps.cpuMillis, tenant.maxCpu] as const,
    ['memory', figures.memoryBytes, caps.memoryBytes, tenant.maxMemory] as const,
  ].filter(([, figure, cap]) => figure !== undefined && cap !== undefined && figure > cap);
  return [
    ...forbiddenCapabilities(asked, tenant),
    ...beyond.map(([field, , , cap]) =>
      submissionIssue(`requirements.${field}`, 'ValidationFailed', `must be at most ${cap}, the tenant's max_${field}`),
    ),
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

/**
 * The figures of a build whose requirements have no issue. One that asks for no memory begins with what an earlier build
 * of its project was given after it had run out of it, within the cap.
 */
export function resourcesOf(
  asked: RequirementsRequest | undefined,
  tenant: Tenant,
  project: Pick<Project, 'learnedMemoryBytes'>,
): BuildResources {
  const figures = figuresOf(asked?.cpu, asked?.memory);
  const caps = figuresOf(tenant.maxCpu, tenant.maxMemory);
  const learned = project.learnedMemoryBytes;
  const usual = learned === undefined ? undefined : Math.min(learned, caps.memoryBytes ?? learned);
  return buildResources({ ...figures, memoryBytes: figures.memoryBytes ?? usual }, caps);
}

/** Texts that are no quantities, which their fields report, are as if they were not there. */
function figuresOf(cpu: unknown, memory: unknown): ResourceFigures {
  return {
    cpuMillis: typeof cpu === 'string' && cpuQuantity(cpu) === undefined ? cpuMillis(cpu) : undefined,
    memoryBytes: typeof memory === 'string' && memoryQuantity(memory) === undefined ? memoryBytes(memory) : undefined,
  };
}
