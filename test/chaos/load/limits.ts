/** Tenants of a round, with the most builds of each that run at once. */
export const TENANTS = [
  { name: 'small', maxRuns: 3 },
  { name: 'middle', maxRuns: 6 },
  { name: 'large', maxRuns: 50 },
] as const;

/** Each tenant has two projects; the most builds of each that run at once. */
export const PROJECTS = { web: undefined, limited: 2 } as const;
export type ProjectName = keyof typeof PROJECTS;

/** Most builds of all tenants that run at once. */
export const INSTALLATION_RUNS = 10;
