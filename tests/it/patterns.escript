#!/usr/bin/env escript
%% Prints what re:compile/1 says to each line of a file.
main([File]) ->
    {ok, Text} = file:read_file(File),
    [verdict(Pattern) || Pattern <- binary:split(Text, <<"\n">>, [global, trim])].

verdict(Pattern) ->
    case re:compile(Pattern) of
        {ok, _} -> io:format("~ts\tok~n", [Pattern]);
        {error, {Why, At}} -> io:format("~ts\terror ~ts at ~b~n", [Pattern, Why, At])
    end.
