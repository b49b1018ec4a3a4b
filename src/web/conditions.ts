/** Conditional requests (RFC 9110, section 13). */

const isWeak = (etag: string): boolean => etag.startsWith('W/')
const opaque = (etag: string): string => etag.replace(/^W\//, '')

/** The three formats of an HTTP date. `Date.parse` takes nearly everything that has a number in it. */
const httpDate = /^[A-Z][a-z]+, \d\d[ -][A-Z][a-z]{2}[ -](?:\d\d){1,2} [\d:]{8} GMT$|^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4}$/

/** Seconds since 1970 of an HTTP date, NaN for what is none. The format without a zone means GMT like the others. */
const seconds = (date: string | null): number => {
  const text = date?.trim() ?? ''
  if (!httpDate.test(text)) return Number.NaN
  return Math.floor(Date.parse(text.endsWith('GMT') ? text : `${text} GMT`) / 1000)
}

/** Whether the client has these bytes already: If-None-Match decides, and only without it If-Modified-Since. */
export function isFresh(request: Headers, response: Headers): boolean {
  const known = request.get('if-none-match')
  const etag = response.get('etag')
  if (known === null) return seconds(response.get('last-modified')) <= seconds(request.get('if-modified-since'))
  if (known.trim() === '*') return true
  return etag !== null && [...known.matchAll(/(?:W\/)?"[^"]*"/g)].some(([candidate]) => opaque(candidate) === opaque(etag))
}

/** Whether a range may be sent: the part that the client has, told by If-Range, must be of exactly these bytes. */
export function isSameForRange(request: Headers, response: Headers): boolean {
  const condition = request.get('if-range')?.trim()
  if (condition === undefined) return true
  const etag = response.get('etag')
  if (etag === null || isWeak(etag)) return false
  return condition.endsWith('"') ? condition === etag : seconds(condition) === seconds(response.get('last-modified'))
}
