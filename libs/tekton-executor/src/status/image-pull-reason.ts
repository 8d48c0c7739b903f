/** Why an image cannot be pulled, from the runtime's text (containerd, CRI-O). Recorded: image-pull-*, image-name-invalid. */
export function imagePullReason(text: string): 'ImageNameInvalid' | 'ImagePullUnauthorized' | 'ImagePullFailed' {
  if (/couldn't parse image name|invalid reference format|InvalidImageName/i.test(text)) return 'ImageNameInvalid';
  if (
    /\b40[13]\b|unauthorized|authentication required|pull access denied|\bdenied\b|insufficient_scope|no basic auth credentials/i.test(
      text,
    )
  ) {
    return 'ImagePullUnauthorized';
  }
  return 'ImagePullFailed';
}
