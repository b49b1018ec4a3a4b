/** A side that cannot run here, which is no failure. */
export class Skip extends Error {}

/** A package that only the benchmark needs. */
export async function rivalPackage(name) {
  try {
    return await import(name)
  } catch (error) {
    const reason = String(error.message).split('\n', 1)[0]
    throw new Skip(`${name} does not load (${reason}); install the rivals with: npm ci --prefix benchmark`)
  }
}
