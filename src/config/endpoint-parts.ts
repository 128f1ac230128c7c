import type { ConfigDocument } from './document.ts';
import { FILE_LAYER } from './node.ts';
import type { Layer } from './node.ts';
import type { Parsed } from './parsed.ts';
import type { Path } from './path.ts';
import { readReferencedFile } from './referenced-file.ts';

/** What a MySQL and a Redis section have in common. */
export interface EndpointFields {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly socket_path?: string | undefined;
  readonly password?: string | undefined;
  readonly password_file?: string | undefined;
}

/** The address part of an endpoint; all undefined if nothing names a server. */
export interface EndpointAddress {
  readonly host?: string;
  readonly port?: number;
  readonly socketPath?: string;
}

/**
 * Combines a URL with fields of the same section. A field wins over the same part of the URL, unless the URL
 * comes from a higher layer: `UNSTALE_REDIS_URL` replaces the file's host, port and socket.
 */
export class EndpointParts {
  readonly #document: ConfigDocument;
  readonly #section: string;
  readonly #urlLayer: Layer;

  constructor(document: ConfigDocument, section: string) {
    this.#document = document;
    this.#section = section;
    this.#urlLayer = document.layer([section, 'url']);
  }

  path(name: string): Path {
    return [this.#section, name];
  }

  has(...names: readonly string[]): boolean {
    return names.some((name) => this.#document.has(this.path(name)));
  }

  /** The field, or the URL's part. */
  pick<T>(name: string, field: T | undefined, fromUrl: T | undefined): T | undefined {
    if (field === undefined) return fromUrl;
    return fromUrl !== undefined && this.#urlLayer > this.#layer(name) ? fromUrl : field;
  }

  /** The server's address: a URL, a host or a socket of a higher layer replaces the whole one below. */
  address(fields: EndpointFields, url: EndpointAddress | undefined): EndpointAddress {
    const urlLayer = url?.host === undefined && url?.socketPath === undefined ? FILE_LAYER : this.#urlLayer;
    const reaches = (name: string): boolean => this.#layer(name) >= urlLayer;
    const host = reaches('host') ? fields.host : undefined;
    const port = reaches('port') ? fields.port : undefined;
    let socketPath = reaches('socket_path') ? fields.socket_path : undefined;
    if (socketPath !== undefined && host !== undefined) {
      const [socketLayer, hostLayer] = [this.#layer('socket_path'), this.#layer('host')];
      if (socketLayer === hostLayer) {
        this.#document.report(
          this.path('socket_path'),
          'host and socket_path exclude each other',
          'remove one',
        );
      } else if (socketLayer < hostLayer) {
        socketPath = undefined;
      }
    }
    const path = socketPath ?? (host === undefined ? url?.socketPath : undefined);
    const name = host ?? url?.host;
    const number = port ?? url?.port;
    return {
      ...(name === undefined ? {} : { host: name }),
      ...(number === undefined ? {} : { port: number }),
      ...(path === undefined ? {} : { socketPath: path }),
    };
  }

  /** The password of the field, of the file that the section names, or of the URL. */
  async password(fields: EndpointFields, fromUrl: string | undefined): Promise<string | undefined> {
    const filePath = this.path('password_file');
    const both = fields.password !== undefined && fields.password_file !== undefined;
    if (both && this.#layer('password') === this.#layer('password_file')) {
      this.#document.report(filePath, 'password and password_file exclude each other', 'remove one');
    }
    const useFile = fields.password === undefined || this.#layer('password_file') > this.#layer('password');
    if (fields.password_file === undefined || !useFile)
      return this.pick('password', fields.password, fromUrl);
    if (fromUrl !== undefined && this.#urlLayer > this.#layer('password_file')) return fromUrl;
    const text = await readReferencedFile(this.#document, filePath, fields.password_file);
    return text?.replace(/\r?\n$/, '');
  }

  #layer(name: string): Layer {
    return this.#document.layer(this.path(name));
  }
}

/** Parses a URL field and reports what is wrong with it. */
export function reportUrl<T>(
  document: ConfigDocument,
  path: Path,
  parsed: Parsed<T> | undefined,
): T | undefined {
  if (parsed === undefined || parsed.ok) return parsed?.value;
  document.report(path, parsed.message, parsed.remedy);
  return undefined;
}
