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
import type { RequirementsRequest } from './submit-build.request.js';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

/** What a build asks for beyond its tenant's caps, and what is not supported yet. */
export function requirementsIssues(asked: RequirementsRequest | undefined, tenant: Tenant): SubmissionIssue[] {
  if (typeof asked !== 'object' || asked === null) return [];
  const later = (['capabilities', 'labels'] as const)
    .filter((field) => asked[field] !== undefined)
    .map((field) => submissionIssue(`requirements.${field}`, 'NotYetSupported', 'is not supported yet; leave it out'));
  const figures = figuresOf(asked.cpu, asked.memory);
  const caps = figuresOf(tenant.maxCpu, tenant.maxMemory);
  const beyond = [
    ['cpu', figures.cpuMillis, caps.cpuMillis, tenant.maxCpu] as const,
    ['memory', figures.memoryBytes, caps.memoryBytes, tenant.maxMemory] as const,
  ].filter(([, figure, cap]) => figure !== undefined && cap !== undefined && figure > cap);
  return [
    ...later,
    ...beyond.map(([field, , , cap]) =>
      submissionIssue(`requirements.${field}`, 'ValidationFailed', `must be at most ${cap}, the tenant's max_${field}`),
    ),
  ];
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
