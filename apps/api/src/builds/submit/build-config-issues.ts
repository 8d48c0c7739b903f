import {
  BUILD_METHOD_TABLE,
  BUILD_METHODS,
  type BuildConfig,
  type BuildConfigField,
  type BuildMethod,
} from '@image-factory/domain';
import { type SubmissionIssue, submissionIssue } from './submission-issue.js';

/** True for what stands for "not given": an empty text, list or object. */
function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.values(value).every(isEmpty);
}

/** The fields of a build_config that were given, as plain data. */
export function givenConfig(config: object | undefined): BuildConfig {
  const entries = Object.entries(config ?? {}).filter(([, value]) => !isEmpty(value));
  return JSON.parse(JSON.stringify(Object.fromEntries(entries))) as BuildConfig;
}

/** What the method's row of {@link BUILD_METHOD_TABLE} says about a config: fields that it lacks or does not use. */
export function buildConfigIssues(method: unknown, config: object | undefined): SubmissionIssue[] {
  if (!BUILD_METHODS.includes(method as BuildMethod)) return [];
  const { required, allowed } = BUILD_METHOD_TABLE[method as BuildMethod];
  const given = Object.entries(config ?? {})
    .filter(([, value]) => !isEmpty(value))
    .map(([field]) => field);
  return [
    ...required
      .filter((field) => !given.includes(field))
      .map((field) =>
        submissionIssue(`build_config.${field}`, 'BuildConfigInvalid', `is required by ${String(method)}`),
      ),
    ...given
      .filter((field) => isConfigField(field) && !allowed.includes(field))
      .map((field) =>
        submissionIssue(
          `build_config.${field}`,
          'BuildConfigInvalid',
          `is not used by ${String(method)}, which takes ${allowed.join(', ')}`,
        ),
      ),
  ];
}

const CONFIG_FIELDS: readonly string[] = Object.values(BUILD_METHOD_TABLE).flatMap((row) => row.allowed);

/** Fields of no method are unknown fields, which the request's class reports. */
function isConfigField(field: string): field is BuildConfigField {
  return CONFIG_FIELDS.includes(field);
}
