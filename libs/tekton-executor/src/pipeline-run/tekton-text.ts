/**
 * Text on its way to a step passes two expanders. Tekton replaces `$(params.x)`, `$(context.…)`, `$(workspaces.…)` and
 * the like in several passes, also inside values that an earlier pass put in, and knows no escape
 * (https://tekton.dev/docs/pipelines/variables/). The kubelet then expands `$(NAME)` and turns `$$` into `$` in args and
 * env values (https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/).
 */
const TEKTON_VARIABLE = /\$\([A-Za-z][A-Za-z0-9_-]*[.[]/;

/**
 * What is wrong with `text` as a value of a run, or undefined. Only what looks like a Tekton variable cannot be carried
 * unchanged; every other text can.
 */
export function tektonTextProblem(text: string): string | undefined {
  return TEKTON_VARIABLE.test(text)
    ? 'must not contain "$(name." or "$(name[": Tekton would replace it with a value of the pipeline'
    : undefined;
}

/** The text that reaches the step as `text`: each `$` doubled, which the kubelet halves again. */
export function toTektonText(text: string): string {
  return text.replaceAll('$', '$$$$');
}
