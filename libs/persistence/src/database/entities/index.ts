/** Every table's row shape. */
export const ENTITIES = [] as const;
