-- updated_at follows every update, whoever makes it.

CREATE FUNCTION public.update_updated_at_column() RETURNS trigger
LANGUAGE plpgsql
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

COMMENT ON FUNCTION public.update_updated_at_column() IS 'Trigger: sets updated_at to the time of the transaction.';

CREATE TRIGGER update_test_documents_updated_at
  BEFORE UPDATE ON public.test_documents
  FOR EACH ROW
  EXECUTE FUNCTION public.update_updated_at_column();
