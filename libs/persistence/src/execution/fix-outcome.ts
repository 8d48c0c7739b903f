import { BUILD_METHOD_TABLE } from '@image-factory/domain';
import { v7 as uuidv7 } from 'uuid';
import type { Transaction } from '../database/database.js';
import { storableJson, storableText } from '../sql/storable.js';
import type { LockedAttempt } from './lock-attempt.js';
import type { FixedOutcome } from './owned-execution.js';
import { ARTIFACT, MOVE_TO_SEALING, SET_NODE } from './statements.js';

/** Result of the packer Task: JSON of what it made. */
const MANIFEST_RESULT = 'MANIFEST';
/** Result of a build that pushed nowhere: where on its host the image was left, as in `oci:/var/lib/…`. */
const IMAGE_URL_RESULT = 'IMAGE_URL';

/**
 * Commits the verdict of an attempt before anything follows from it (correctness rule 18): from here on no clock, loss
 * or cancel changes it. False when it is fixed already, or the attempt was never created.
 */
export async function fixOutcome(tx: Transaction, attempt: LockedAttempt, outcome: FixedOutcome): Promise<boolean> {
  const moved = await tx.query(MOVE_TO_SEALING, [
    attempt.id,
    attempt.state,
    attempt.actor,
    outcome.reason,
    storableText(outcome.message),
    outcome.outcome,
    outcome.fault,
    outcome.imageDigest ?? null,
    storableJson(outcome.results),
    finalDocument(outcome.finalDocument),
    outcome.runSeconds,
    outcome.startSeconds,
    outcome.firstStepStartedAt ?? null,
    outcome.endedAt,
  ]);
  if (moved.length === 0) return false;
  if (outcome.outcome === 'succeeded') await insertArtifacts(tx, attempt, outcome);
  else if (outcome.nodeName !== undefined) await tx.query(SET_NODE, [attempt.id, storableText(outcome.nodeName)]);
  return true;
}

async function insertArtifacts(tx: Transaction, attempt: LockedAttempt, outcome: FixedOutcome): Promise<void> {
  const insert = async (name: string, type: string, uri: string, digest: string | null): Promise<void> => {
    await tx.query(ARTIFACT, [uuidv7(), attempt.build_id, attempt.id, name, type, uri, digest]);
  };
  const { imageDigest } = outcome;
  if (imageDigest !== undefined && attempt.image_repository !== null) {
    await insert('image', 'image', `${attempt.image_repository}@${imageDigest}`, imageDigest);
  } else if (imageDigest !== undefined && outcome.results[IMAGE_URL_RESULT] !== undefined) {
    await insert('image', 'oci-layout', storableText(outcome.results[IMAGE_URL_RESULT]), imageDigest);
  }
  const manifest = outcome.results[MANIFEST_RESULT];
  if (manifest !== undefined && !BUILD_METHOD_TABLE[attempt.build_method].makesImage) {
    await insert(
      'manifest',
      'packer-manifest',
      `data:application/json,${encodeURIComponent(storableText(manifest))}`,
      null,
    );
  }
}

/** The final document as `jsonb` takes it; text that is no JSON is kept as a string. */
function finalDocument(text: string): string {
  try {
    return storableJson(JSON.parse(text));
  } catch {
    return storableJson(text);
  }
}
