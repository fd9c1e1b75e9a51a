import { Link } from "react-router";
import { ApiError } from "../api/client";

/** The code of an error, and where it is explained. */
export function ErrorCode({ error }: { error: Error }) {
  return <CodeLink code={error instanceof ApiError ? error.code : "internal"} />;
}

/** Opens beside the page, which may hold what was typed. */
export function CodeLink({ code }: { code: string }) {
  return (
    <Link className="cv-code" to={`/errors/${code}`} target="_blank" title="What this code means">
      {code}
    </Link>
  );
}
