import { ApiError } from "../api/client";

interface Props {
  name: string;
  /** Of the last reading of the image. */
  error: Error | null;
}

/** Said above a form whose image was removed while it was open. */
export function Vanished({ name, error }: Props) {
  if (!(error instanceof ApiError) || error.code !== "not_found") return null;
  return (
    <p role="alert" className="cv-warning">
      {name} is not in the store any more: somebody has removed or renamed it. What you typed is still here.
    </p>
  );
}
