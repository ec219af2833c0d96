%% Asks a RabbitMQ node, from inside it, what it makes of compiled files. Each case gets a file `CASE.answer` with a line for
%% each complaint; a case without complaints gets an empty one.
-module(judge).
-export([run/2]).
-define(PLUGINS, "/files/etc/rabbitmq/enabled_plugins").

run(Cases, Answers) ->
    Schema = cuttlefish_schema:files(schemas()),
    Dirs = [Dir || Dir <- filelib:wildcard(Cases ++ "/*"), filelib:is_dir(Dir ++ "/files/etc/rabbitmq")],
    % Cases with the same plugins stand side by side: to start and stop some costs more than all the rest.
    Sorted = lists:sort([{read(Dir ++ ?PLUGINS), Dir} || Dir <- Dirs]),
    [judge(Schema, Dir, filename:join(Answers, filename:basename(Dir) ++ ".answer")) || {_, Dir} <- Sorted],
    ok.

judge(Schema, Dir, Answer) ->
    Etc = Dir ++ "/files/etc/rabbitmq/",
    Plugins = read(Dir ++ ?PLUGINS),
    Said = [once({Subject, Plugins, read(File)}, fun() -> guarded(Subject, Ask, File) end)
        || {Subject, Ask, File} <- [
            {"rabbitmq.conf", fun(Name) -> conf(Schema, Name) end, Etc ++ "rabbitmq.conf"},
            {"advanced.config", fun terms/1, Etc ++ "advanced.config"},
            {"enabled_plugins", fun plugins/1, Dir ++ ?PLUGINS},
            {"definitions", fun definitions/1, Dir ++ "/definitions.json"}
        ],
        filelib:is_regular(File)],
    ok = file:write_file(Answer, unicode:characters_to_binary([[Line, $\n] || Line <- lists:append(Said)])).

%% The schemas of everything in the directories of plugins, as rabbit_prelaunch_conf looks for them.
schemas() ->
    {ok, Path} = application:get_env(rabbit, plugins_dir),
    Apps = [App || Dir <- string:tokens(Path, ":"), App <- filelib:wildcard(Dir ++ "/*")],
    lists:sort(lists:append([schemas(priv(App) ++ "/schema") || App <- Apps])).

schemas(Dir) ->
    case erl_prim_loader:list_dir(Dir) of
        {ok, Names} -> [filename:join(Dir, Name) || Name <- Names, filename:extension(Name) =:= ".schema"];
        error -> []
    end.

priv(App) ->
    case filename:extension(App) of
        ".ez" -> filename:join([App, filename:basename(App, ".ez"), "priv"]);
        _ -> filename:join(App, "priv")
    end.

conf(Schema, File) ->
    case cuttlefish_conf:files([File]) of
        {errorlist, Errors} -> explain(Errors);
        Conf ->
            case cuttlefish_generator:map(Schema, Conf) of
                {error, _Phase, {errorlist, Errors}} -> explain(Errors);
                Config when is_list(Config) -> []
            end
    end.

explain(Errors) -> [cuttlefish_error:xlate(Error) || Error <- Errors].

terms(File) ->
    case file:consult(File) of
        {ok, [Terms]} when is_list(Terms) -> [];
        {ok, Other} -> [io_lib:format("not one list: ~0p", [Other])];
        {error, Reason} -> [file:format_error(Reason)]
    end.

%% Enables exactly the plugins of a file in the running node.
plugins(File) ->
    {ok, Own} = application:get_env(rabbit, enabled_plugins_file),
    {ok, _} = file:copy(File, Own),
    case rabbit_plugins:ensure(Own) of
        {ok, _, _} ->
            Missing = rabbit_plugins:read_enabled(Own) -- rabbit_plugins:active(),
            [io_lib:format("~s is enabled but does not run", [Name]) || Name <- Missing];
        {error, Reason} -> [io_lib:format("~0p", [Reason])]
    end.

%% Imports definitions into an empty broker: one in which the applications have declared what the file beside them says.
definitions(File) ->
    clear(),
    case read(filename:dirname(File) ++ "/declared.json") of
        absent -> ok;
        Declared -> ok = rabbit_definitions:import_raw(Declared)
    end,
    case rabbit_definitions:import_raw(read(File)) of
        ok -> [];
        {error, Reason} when is_binary(Reason) -> [Reason];
        {error, Reason} -> [io_lib:format("~0p", [Reason])]
    end.

clear() ->
    Who = <<"proof">>,
    [ok = rabbit_auth_backend_internal:delete_user(proplists:get_value(user, User), Who)
        || User <- rabbit_auth_backend_internal:list_users()],
    [_ = rabbit_vhost:delete(Vhost, Who) || Vhost <- vhosts()],
    ok.

vhosts() -> [proplists:get_value(name, Info) || Info <- rabbit_vhost:info_all([name])].

read(File) ->
    case file:read_file(File) of
        {ok, Bytes} -> Bytes;
        {error, enoent} -> absent
    end.

%% Most cases have most files in common.
once(Key, Ask) ->
    case get(Key) of
        undefined ->
            Said = Ask(),
            put(Key, Said),
            Said;
        Said -> Said
    end.

guarded(Subject, Ask, File) ->
    Said =
        try
            Ask(File)
        catch
            Class:Reason -> [io_lib:format("~s: ~0p", [Class, Reason])]
        end,
    [[Subject, ": ", re:replace(unicode:characters_to_binary(Line), "\\s+", " ", [global, unicode])] || Line <- Said].
