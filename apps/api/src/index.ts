export { createApi } from './create-api.js';
export type { ApiOverrides, RunningApi } from './create-api.js';
export { readEnv } from './config/env.js';
export type { ApiEnv } from './config/env.js';
export { EmbeddedDispatcher } from './embedded/embedded-dispatcher.js';
export type { EmbeddedDispatcherOptions } from './embedded/embedded-dispatcher.js';
export { API_BASE, ROUTES } from './access/route-table.js';
export type { RouteRule, RouteScope } from './access/route-table.js';
