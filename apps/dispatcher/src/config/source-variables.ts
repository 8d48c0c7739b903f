import { homedir } from 'node:os';
import type { AdoptionRule } from '@image-factory/cluster-registry';
import { splitList, type EnvSource } from '@image-factory/configuration';

/** Clouds that are asked for their clusters, and what of them is used without an administrator. */
export interface DiscoveryEnv {
  /** 0: only on request. */
  readonly everyMinutes: number;
  readonly awsRegions: readonly string[];
  readonly gcpProjects: readonly string[];
  /** `-` is every location of a project. */
  readonly gcpLocations: readonly string[];
  readonly azureSubscriptions: readonly string[];
  readonly adopt: readonly AdoptionRule[];
}

/** Where providers come from beside the API. */
export interface SourcesEnv {
  /** Clusters of this file become providers; undefined: there is none. */
  readonly configFile: string | undefined;
  /** `~` in that file. */
  readonly home: string;
  readonly discovery: DiscoveryEnv;
}

interface SourceVariables {
  readonly IF_CONFIG_FILE?: string;
  readonly IF_DISCOVERY_MINUTES?: string;
  readonly IF_DISCOVERY_AWS_REGIONS?: string;
  readonly IF_DISCOVERY_GCP_PROJECTS?: string;
  readonly IF_DISCOVERY_GCP_LOCATIONS?: string;
  readonly IF_DISCOVERY_AZURE_SUBSCRIPTIONS?: string;
  readonly IF_DISCOVERY_ADOPT?: string;
}

/** What a rule looks like; the whole text of the problem. */
export const ADOPT_FORM =
  'must be rules with commas between, each cloud/location/name or cloud/location/name#tag=value';

const RULE = /^(aws|gcp|azure|\*)\/([A-Za-z0-9*-]{1,60})\/([A-Za-z0-9*_-]{1,100})(?:#([^=#,]{1,128})=([^#,]{0,256}))?$/;

/** Rules of adoption, as in `aws/eu-west-1/build-*#image-factory=true`; undefined when one is none. */
export function parseAdoptRules(items: readonly string[]): readonly AdoptionRule[] | undefined {
  const rules = items.map((item) => {
    const [, cloud, location = '', name = '', key, value = ''] = RULE.exec(item) ?? [];
    if (cloud === undefined) return undefined;
    const tag = key === undefined ? undefined : { key, value };
    return { cloud: cloud as AdoptionRule['cloud'], location, name, tag };
  });
  return rules.every((rule) => rule !== undefined) ? rules : undefined;
}

/** The settings that checked variables make. */
export function sourcesOf(variables: SourceVariables, source: EnvSource): SourcesEnv {
  const locations = splitList(variables.IF_DISCOVERY_GCP_LOCATIONS);
  return {
    configFile: variables.IF_CONFIG_FILE,
    home: source['HOME'] ?? homedir(),
    discovery: {
      everyMinutes: Number(variables.IF_DISCOVERY_MINUTES ?? 60),
      awsRegions: splitList(variables.IF_DISCOVERY_AWS_REGIONS),
      gcpProjects: splitList(variables.IF_DISCOVERY_GCP_PROJECTS),
      gcpLocations: locations.length === 0 ? ['-'] : locations,
      azureSubscriptions: splitList(variables.IF_DISCOVERY_AZURE_SUBSCRIPTIONS),
      adopt: parseAdoptRules(splitList(variables.IF_DISCOVERY_ADOPT)) ?? [],
    },
  };
}

/** No file and no cloud. */
export const NO_SOURCES: SourcesEnv = sourcesOf({}, { HOME: '/' });
