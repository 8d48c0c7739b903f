import { DEFAULT_CPU_MILLIS, DEFAULT_MEMORY_BYTES } from '@image-factory/domain';

/** The units of the dominant share as SQL constants. */
export const DEFAULT_CPU = `${DEFAULT_CPU_MILLIS}::double precision`;
export const DEFAULT_MEMORY = `${DEFAULT_MEMORY_BYTES}::double precision`;
