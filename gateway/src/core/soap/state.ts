/** Between which characters a reader of XML can stop: its states. Their order matters where they are compared. */

export const S_TEXT = 0;
export const S_ENTITY = 1;
export const S_LESS = 2;
export const S_BANG = 3;
export const S_COMMENT = 4;
// 5: behind a dash in a comment.
export const S_COMMENT_END = 6;
export const S_CDATA = 7;
export const S_CDATA_ONE = 8;
export const S_CDATA_TWO = 9;
export const S_PI_START = 10;
export const S_PI_NAME = 11;
export const S_PI = 12;
export const S_PI_MARK = 13;
// From here on: within a tag.
export const S_TAG = 14;
export const S_TAG_SLASH = 15;
export const S_IN_TAG = 16;
export const S_ATTRIBUTE = 17;
export const S_ATTRIBUTE_NAMED = 18;
export const S_EQUALS = 19;
export const S_VALUE = 20;
export const S_VALUE_END = 21;
export const S_END_TAG = 22;
export const S_END_TAG_NAMED = 23;
