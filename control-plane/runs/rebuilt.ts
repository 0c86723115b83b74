// What a row says of itself that was put back after the store had lost it.
import { z } from 'zod';
import { rebuiltSchema } from '../../protocol/api/runs.ts';

export const storedRebuiltSchema = rebuiltSchema.extend({ store_incarnation: z.string() });
export type Rebuilt = z.infer<typeof storedRebuiltSchema>;
