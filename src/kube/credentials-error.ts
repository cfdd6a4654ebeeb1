// A mistake in how we were told to reach the API server: one line that names file, field and what was wanted.

export class CredentialsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CredentialsError';
  }
}
