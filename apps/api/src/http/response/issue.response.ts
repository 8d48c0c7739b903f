import { Shown } from './shown.js';

/** One thing that is wrong with a request. */
export class IssueResponse {
  @Shown('text', { example: 'build_config.platforms[0]' }) readonly path!: string;
  @Shown('text', { example: 'must be os/architecture[/variant], as in linux/amd64' }) readonly message!: string;
}
