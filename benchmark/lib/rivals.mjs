/** A side that cannot run here, which is no failure. */
export class Skip extends Error {}

/** A package that only the benchmark needs. */
export async function rivalPackage(name) {
  try {
    return await import(name)
  } catch (error) {
    const missing = error.code === 'ERR_MODULE_NOT_FOUND'
    const reason = missing ? 'is not installed' : `does not load (${String(error.message).split('\n', 1)[0]})`
    throw new Skip(`${name} ${reason}; install the rivals with: npm ci --prefix benchmark`)
  }
}
