/**
 * One step from a value to the text that stands for it in a key. Plain data. `date`'s format has MySQL's
 * specifiers, `pad`'s width is in characters.
 */
export type Filter =
  | { readonly kind: PlainFilter }
  | { readonly kind: 'date'; readonly format: string }
  | { readonly kind: 'pad'; readonly width: number }
  | { readonly kind: 'default'; readonly text: string };

/** Filters without an argument. */
export type PlainFilter =
  'lower' | 'upper' | 'trim' | 'hex' | 'base64' | 'uuid' | 'sha1' | 'sha256' | 'urlencode';
