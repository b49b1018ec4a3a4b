/** What package.json says of this program, so that no name or number stands here a second time. */
import { createRequire } from 'node:module'

interface Manifest {
  readonly version: string
  readonly bin: Readonly<Record<string, string>>
}

// Not an import: the compiler would copy package.json to dist/, where it would become the package that `#binding` is looked up in.
const manifest = createRequire(import.meta.url)('#package') as Manifest

/** The name that people type. */
export const commandName = Object.keys(manifest.bin)[0] as string

export const { version } = manifest
